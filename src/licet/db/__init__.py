"""PostgreSQL: the embedded server, the connection pool, migrations, locks and paged reads."""
