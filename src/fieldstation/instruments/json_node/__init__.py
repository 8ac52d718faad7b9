"""Any node that publishes JSON documents over MQTT, its channels named in the configuration."""

TITLE = "JSON node"
