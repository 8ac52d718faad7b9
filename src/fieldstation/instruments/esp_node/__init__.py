"""ESP8266 and ESP32 nodes that publish a thermocouple and the air around it over MQTT."""

TITLE = "ESP climate node"
