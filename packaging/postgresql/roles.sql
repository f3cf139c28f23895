-- Makes Claviger's two roles and its database, with the least privileges each needs. Run it with psql as a superuser,
-- as often as you like:
--
--   psql -v ON_ERROR_STOP=1 -f roles.sql [-v database=NAME] postgres
--
--   claviger_owner  owns the database and its tables; used by `clavigerd init` and `clavigerd migrate` only
--   claviger_app    the daemon; gets its privileges on tables from the migrations
--
-- Neither role gets a password here: log in by peer or certificate authentication, or set one by \password.

\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database claviger
\endif

SELECT format('CREATE ROLE %I', wanted) FROM unnest(ARRAY['claviger_owner', 'claviger_app']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec

ALTER ROLE claviger_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE claviger_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- The collation is the byte order: it is what keyset pages rely on, and no upgrade of the C library changes it.
SELECT format('CREATE DATABASE %I OWNER claviger_owner TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C''', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

ALTER DATABASE :"database" OWNER TO claviger_owner;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON DATABASE :"database" FROM claviger_app;
GRANT CONNECT ON DATABASE :"database" TO claviger_app;

\connect :"database"
ALTER SCHEMA public OWNER TO pg_database_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM claviger_app;
GRANT USAGE ON SCHEMA public TO claviger_app;
