DO $first_start$
DECLARE
    wanted_user text := current_setting('first_start.user');
    wanted_password text := current_setting('first_start.password');
    wanted_database text := current_setting('first_start.database');
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted_user) THEN
        EXECUTE format('CREATE ROLE %I SUPERUSER LOGIN', wanted_user);
    END IF;
    EXECUTE format('ALTER ROLE %I PASSWORD %L', wanted_user, wanted_password);
    IF NOT EXISTS (SELECT FROM pg_database WHERE datname = wanted_database) THEN
        EXECUTE format('ALTER DATABASE postgres RENAME TO %I', wanted_database);
    END IF;
    EXECUTE format('ALTER DATABASE %I OWNER TO %I', wanted_database, wanted_user);
END
$first_start$;

