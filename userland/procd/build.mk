procd_pkgs := libsystemd
procd_sbin := 1
