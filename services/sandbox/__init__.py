"""Stand-ins for providers, for developers of their clients: faithful to the published contract, and faulty on demand."""
