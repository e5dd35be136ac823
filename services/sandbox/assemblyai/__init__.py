"""A sandbox that plays AssemblyAI: its HTTP contract with state, webhooks and faults, on this machine."""
