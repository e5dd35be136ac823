"""The SQL of the schema `notifier`, by subject. Whoever locks more than one thing locks endpoints' health first, by id."""
