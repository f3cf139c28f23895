"""The test kit: a real PostgreSQL, a real PKCS#11 token and the real daemon, private to one test run."""
