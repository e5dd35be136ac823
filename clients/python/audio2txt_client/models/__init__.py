"""What the gateway answers. Fields that this version does not know are ignored."""
