SELECT 'table payments', to_regclass('payments') IS NOT NULL;
SELECT 'table invoices', to_regclass('invoices') IS NOT NULL;
