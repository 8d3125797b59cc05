SELECT 'the trigger is on and enabled', count(*) = 1
  FROM pg_trigger
 WHERE tgrelid = 'orders'::regclass AND tgname = 'orders_audit' AND tgenabled = 'O';
