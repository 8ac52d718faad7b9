"""Programs that post to a sensor, ready to copy."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from fieldstation.hub.sensors.models import Sensor

PLACEHOLDER = "fsn_YOUR_TOKEN"
_EXAMPLE = {"temperature": 21.5}


@dataclass(frozen=True, slots=True)
class Snippet:
    """One program; `id` is for the page's addresses."""

    id: str
    title: str
    text: str


def snippets(sensor: Sensor, hub: str, token: str = PLACEHOLDER) -> list[Snippet]:
    """The programs for this sensor of the hub at this address."""
    url = f"{hub}/api/v1/sensors/{sensor.pk}/readings"
    example = dict.fromkeys(list(sensor.units)[:6], 21.5) or _EXAMPLE
    document = json.dumps(example)
    words = {
        "url": url,
        "token": token,
        "python": json.dumps(example, indent=4),
        "line": json.dumps(document),
        "secure": "WiFiClientSecure" if url.startswith("https:") else "WiFiClient",
        "trust": "  client.setInsecure();  // or give it the hub's certificate\n"
        if url.startswith("https:")
        else "",
    }
    curl = (
        f"curl -X POST {shlex.quote(url)} \\\n"
        f"  -H 'Authorization: Bearer {token}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(document)}"
    )
    return [
        Snippet("curl", "curl", curl),
        Snippet("python", "Python", _fill(_PYTHON, words)),
        Snippet("micropython", "MicroPython", _fill(_MICROPYTHON, words)),
        Snippet("arduino", "Arduino", _fill(_ARDUINO, words)),
    ]


def _fill(template: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        template = template.replace(f"@{name}@", word)
    return template.strip()


_PYTHON = """
import json
from urllib.request import Request, urlopen

URL = "@url@"
TOKEN = "@token@"


def post(values):
    headers = {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"}
    request = Request(URL, json.dumps(values).encode(), headers)
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


print(post(@python@))
"""

_MICROPYTHON = """
import time
import network
import requests

URL = "@url@"
TOKEN = "@token@"

wifi = network.WLAN(network.STA_IF)
wifi.active(True)
wifi.connect("NETWORK", "PASSWORD")
while not wifi.isconnected():
    time.sleep(1)

while True:
    values = @python@
    answer = requests.post(URL, json=values, headers={"Authorization": "Bearer " + TOKEN})
    print(answer.status_code)
    answer.close()
    time.sleep(60)
"""

_ARDUINO = """
#if defined(ESP8266)
#include <ESP8266WiFi.h>
#include <ESP8266HTTPClient.h>
#else
#include <WiFi.h>
#include <HTTPClient.h>
#endif
#include <WiFiClientSecure.h>

const char *URL = "@url@";
const char *TOKEN = "@token@";

void setup() {
  Serial.begin(115200);
  WiFi.begin("NETWORK", "PASSWORD");
  while (WiFi.status() != WL_CONNECTED) delay(500);
}

void loop() {
  @secure@ client;
@trust@  HTTPClient http;
  http.begin(client, URL);
  http.addHeader("Content-Type", "application/json");
  http.addHeader("Authorization", String("Bearer ") + TOKEN);
  String values = @line@;
  Serial.println(http.POST(values));
  http.end();
  delay(60000);
}
"""
