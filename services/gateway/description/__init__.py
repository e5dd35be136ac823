"""What the API's description is made of, beside the routes: problems, examples, webhooks."""
