"""The database: tables, migrations, the one writer, and the differences of two dialects."""
