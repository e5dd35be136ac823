"""How the gateway is spoken to, without speaking: requests, answers and decisions, the same for both faces of the client."""
