"""What the services share: schemas, backends behind protocols, and the runtime that assembles them."""
