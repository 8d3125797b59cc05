-- Who may work in the shop, and the shop's own settings.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login text NOT NULL UNIQUE,
    full_name text NOT NULL DEFAULT '',
    is_admin boolean NOT NULL DEFAULT false
);

CREATE TABLE settings (
    key text PRIMARY KEY,
    value jsonb NOT NULL,
    changed_by bigint REFERENCES users (id) ON DELETE SET NULL
);

INSERT INTO settings (key, value) VALUES
    ('currency', '"EUR"'),
    ('tax_percent', '21');
