"""What the scenes play on: a node with systemd and chronyd, an NTP server, a grandmaster, a pod."""
