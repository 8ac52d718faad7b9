"""What a simulated TriStar MPPT has in its memory when it leaves the workshop (TriStar MPPT sheet,
sections 4.1 and 5).
"""

from __future__ import annotations

from fieldstation.model import Value

# What one real unit had (section 5.1); tracking and the model's own current limit are left on, and
# the disconnect voltage clears the target of a cold morning.
SETTINGS: dict[str, Value] = {
    "absorption_voltage": 14.0,
    "float_voltage": 13.5,
    "absorption_time": 7200,
    "absorption_extension_time": 10800,
    "absorption_extension_voltage": 12.0,
    "float_cancel_voltage": 12.3,
    "float_exit_time": 3600,
    "equalize_voltage": 15.0,
    "equalize_interval_days": 28,
    "equalize_time_above_vreg": 7200,
    "equalize_time_at_veq": 3600,
    "battery_service_interval_days": 180,
    "temperature_compensation": 0.03,
    "hvd_voltage": 15.8,
    "hvr_voltage": 14.5,
    "temp_comp_max": 80,
    "temp_comp_min": -30,
    "led_green_to_green_yellow_voltage": 13.3,
    "led_green_yellow_to_yellow_voltage": 13.0,
    "led_yellow_to_yellow_red_voltage": 12.65,
    "led_yellow_red_to_red_voltage": 12.0,
    "modbus_id": 1,
    "meterbus_id": 1,
    "daily_log_fields": 10,
}
_LAN: dict[str, Value] = {
    "ip_address": "192.168.1.253",
    "subnet_mask": "255.255.255.0",
    "gateway": "192.168.1.1",
    "primary_dns": "192.168.1.1",
    "secondary_dns": "192.168.1.1",
    "controller_id": "TSMPPT",
    "dhcp_enabled": False,
}
NETWORK: dict[str, Value] = {
    **{f"net_{name}": value for name, value in _LAN.items()},
    **{f"net_stored_{name}": value for name, value in _LAN.items()},
    "net_mac_address": "02:00:00:12:34:56",
    "net_firmware_version": 8,
    "net_stored_http_port": 80,
    "net_stored_modbus_port": 502,
    "net_stored_trap_port": 162,
}
