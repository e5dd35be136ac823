"""The API's routes: what comes in is checked, what goes out is a view; decisions are made elsewhere."""
