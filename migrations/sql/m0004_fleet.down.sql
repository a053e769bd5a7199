DROP TABLE leaders;
DROP TABLE fleet;
DROP TABLE workers;
