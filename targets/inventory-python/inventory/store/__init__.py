"""PostgreSQL: connections, transactions with deadlines, and the tables."""
