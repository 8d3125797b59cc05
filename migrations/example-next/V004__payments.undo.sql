DROP TABLE invoices;
DROP TABLE payments;
