"""The reporter renders a transcript into the artifacts customers read."""
