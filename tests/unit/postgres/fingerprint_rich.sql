-- A schema with one of everything that a fingerprint looks at. Roles fp_owner, fp_reader exist.
CREATE SCHEMA app; CREATE SCHEMA other;
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE app.address AS (street text, city varchar(40));
CREATE DOMAIN app.email AS varchar(120) COLLATE "C" DEFAULT 'x@y' CONSTRAINT email_at CHECK (VALUE ~ '@');
CREATE DOMAIN app.kind AS varchar(10) CHECK (VALUE IN ('a', 'b'));
CREATE TYPE app.span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE COLLATION app.bytes FROM "C";
CREATE SEQUENCE app.numbers START 5 INCREMENT 2 MAXVALUE 1000 CACHE 3;
CREATE FUNCTION app.plus(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION app.std(a int) RETURNS int LANGUAGE sql RETURN a + 1;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION app.touch2() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION app.ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION app.rows() RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE app.run(x int) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE AGGREGATE app.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION app.eq(app.address, app.address) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.city = $2.city';
CREATE OPERATOR app.=== (LEFTARG = app.address, RIGHTARG = app.address, FUNCTION = app.eq, COMMUTATOR = OPERATOR(app.===), RESTRICT = eqsel);
CREATE FUNCTION app.rcmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $2 - $1';
CREATE OPERATOR CLASS app.reverse FOR TYPE int USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 app.rcmp(int, int);
CREATE FUNCTION app.to_mood(int) RETURNS app.mood LANGUAGE sql IMMUTABLE AS $$ SELECT 'ok'::app.mood $$;
CREATE CAST (int AS app.mood) WITH FUNCTION app.to_mood(int);
CREATE TABLE app.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(80) NOT NULL, email app.email,
    gone int, status varchar(10) NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'old', 'it''s')),
    code char(3) CHECK (code <> ALL (ARRAY['aaa', 'bbb'])), mood app.mood DEFAULT 'ok', home app.address,
    tags varchar(10)[] DEFAULT ARRAY['a', 'b']::varchar(10)[], amount numeric(10,2) DEFAULT -1 CHECK (amount > -5 OR amount IS NULL),
    double numeric GENERATED ALWAYS AS (amount * 2) STORED, made timestamptz NOT NULL DEFAULT now(), note text,
    CONSTRAINT both_set CHECK ((note IS NULL) = (name = '')));
ALTER TABLE app.customers DROP COLUMN gone CASCADE;
ALTER TABLE app.customers ADD COLUMN late int;
CREATE TABLE app.orders (id serial PRIMARY KEY, customer bigint REFERENCES app.customers ON DELETE CASCADE, ref text UNIQUE, n int,
    at timestamptz CHECK (at > '2020-01-01 00:00:00+02'), during tsrange, EXCLUDE USING gist (during WITH &&), UNIQUE (customer, n) DEFERRABLE);
CREATE INDEX orders_customer ON app.orders (customer DESC NULLS LAST) INCLUDE (n);
CREATE INDEX orders_lower ON app.orders (lower(ref) text_pattern_ops) WHERE n > 0 AND ref IN ('x', 'y');
CREATE INDEX orders_rev ON app.orders (n app.reverse);
CREATE INDEX orders_brin ON app.orders USING brin (at) WITH (pages_per_range = 64);
CREATE TABLE app.parent (a int CHECK (a > 0), b varchar(5)); CREATE TABLE app.child (c int) INHERITS (app.parent);
ALTER TABLE app.parent ADD COLUMN d text;
CREATE TABLE app.events (id int NOT NULL, day date NOT NULL, kind varchar(5) CHECK (kind IN ('p', 'q')), who bigint REFERENCES app.customers, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.events_2 (day date NOT NULL, id int NOT NULL, who bigint, kind varchar(5) CONSTRAINT events_kind_check CHECK (kind IN ('p', 'q')));
ALTER TABLE app.events ATTACH PARTITION app.events_2 DEFAULT; CREATE INDEX events_who ON app.events (who);
CREATE UNLOGGED TABLE app.scratch (x text) WITH (fillfactor = 70, toast.autovacuum_enabled = off, autovacuum_enabled = off);
CREATE TABLE app.docs (id int, body text); ALTER TABLE app.docs ADD CONSTRAINT body_short CHECK (length(body) < 100) NOT VALID;
CREATE VIEW app.active WITH (security_barrier) AS SELECT c.id, c.name, o.ref FROM app.customers c LEFT JOIN app.orders o ON o.customer = c.id WHERE c.status IN ('new', 'old') AND c.name NOT IN ('x', 'y');
CREATE VIEW app.joined AS SELECT id, name, made, o.k FROM app.customers JOIN (SELECT id, customer AS k FROM app.orders) o USING (id) WHERE made BETWEEN '2020-01-01' AND now() - interval '1 day';
CREATE VIEW app.wide AS WITH x AS (SELECT n, count(*) OVER (PARTITION BY customer ORDER BY id ROWS 2 PRECEDING) AS k FROM app.orders) SELECT n, sum(k) FILTER (WHERE k > 1) AS s, CASE n WHEN 1 THEN 'a' ELSE 'b' END AS t FROM x GROUP BY n HAVING count(*) > 1 UNION ALL SELECT 1, 2, 'c' ORDER BY 1;
CREATE MATERIALIZED VIEW app.sums AS SELECT customer, count(*) AS n FROM app.orders GROUP BY customer; CREATE UNIQUE INDEX sums_customer ON app.sums (customer);
CREATE RULE no_delete AS ON DELETE TO app.docs DO INSTEAD NOTHING;
CREATE TRIGGER touch BEFORE UPDATE OF name ON app.customers FOR EACH ROW WHEN (old.status IN ('new', 'old')) EXECUTE FUNCTION app.touch();
CREATE TRIGGER touch_part AFTER INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON app.docs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.customers FOR SELECT TO fp_reader, fp_owner USING (status IN ('new', 'old'));
CREATE STATISTICS app.corr (dependencies, ndistinct) ON customer, n FROM app.orders;
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION app.ddl();
ALTER EVENT TRIGGER watch DISABLE;
CREATE FOREIGN DATA WRAPPER dummy; CREATE SERVER far TYPE 't' VERSION '1' FOREIGN DATA WRAPPER dummy OPTIONS (host 'h', password 'p');
CREATE FOREIGN TABLE app.remote (a int OPTIONS (k 'v') NOT NULL, b text) SERVER far OPTIONS (tab 't');
CREATE USER MAPPING FOR fp_reader SERVER far OPTIONS (username 'u', password 'p');
CREATE PUBLICATION pub FOR TABLE app.customers (id, name) WHERE (id > 5), app.docs WITH (publish = 'insert'); CREATE PUBLICATION pub_schema FOR TABLES IN SCHEMA other;
CREATE TEXT SEARCH DICTIONARY app.dict (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION app.conf (COPY = simple); ALTER TEXT SEARCH CONFIGURATION app.conf ALTER MAPPING FOR word WITH app.dict;
CREATE CONVERSION app.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE EXTENSION citext SCHEMA other; CREATE TABLE app.loose (c other.citext CHECK (c IN ('a', 'b')), m money DEFAULT 1.5, i interval DEFAULT '1 day', bits bit(3) DEFAULT B'101');
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO fp_reader;
ALTER TABLE app.customers ALTER name SET STATISTICS 50; ALTER TABLE app.customers ALTER note SET STORAGE EXTERNAL; ALTER TABLE app.customers ALTER name SET (n_distinct = 7);
ALTER INDEX app.orders_lower ALTER COLUMN 1 SET STATISTICS 77; ALTER TABLE app.orders CLUSTER ON orders_pkey; ALTER TABLE app.orders REPLICA IDENTITY USING INDEX orders_pkey;
GRANT SELECT, INSERT ON app.customers TO fp_reader; GRANT UPDATE (name) ON app.customers TO fp_reader; REVOKE ALL ON FUNCTION app.plus(int, int) FROM PUBLIC; GRANT USAGE ON SCHEMA app TO fp_reader; GRANT USAGE ON TYPE app.mood TO fp_reader;
GRANT SELECT ON app.orders TO fp_reader; REVOKE SELECT ON app.orders FROM fp_reader;
ALTER TABLE app.docs OWNER TO fp_owner;
COMMENT ON TABLE app.customers IS E'people\nand\ttabs'; COMMENT ON COLUMN app.customers.name IS 'their name'; COMMENT ON SCHEMA app IS 'the app'; COMMENT ON INDEX app.orders_lower IS 'i'; COMMENT ON CONSTRAINT both_set ON app.customers IS 'c'; COMMENT ON FUNCTION app.plus(int, int) IS 'f';
CREATE VIEW public.outside AS SELECT a.mood, (a.home).city, ARRAY[a.status, a.name]::text[] AS l FROM app.customers a WHERE a.status = ANY (ARRAY['x', 'y']);
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; CREATE FUNCTION app.handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; CREATE TRUSTED LANGUAGE mine HANDLER app.handler;
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE SUBSCRIPTION quiet CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false, slot_name = NONE);
CREATE TEXT SEARCH PARSER app.prs (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype); CREATE TEXT SEARCH TEMPLATE app.tmpl (LEXIZE = dsimple_lexize);
ALTER OPERATOR FAMILY app.reverse USING btree ADD FUNCTION 2 (int, int) btint4sortsupport(internal);
CREATE TYPE app.raw; CREATE FUNCTION app.raw_in(cstring) RETURNS app.raw LANGUAGE internal IMMUTABLE STRICT AS 'int4in'; CREATE FUNCTION app.raw_out(app.raw) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out'; CREATE TYPE app.raw (INPUT = app.raw_in, OUTPUT = app.raw_out, LIKE = int4);
