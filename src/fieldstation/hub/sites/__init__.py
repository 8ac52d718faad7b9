"""Sites: groups of gateways and sensors, who may do what with them, and what was done."""
