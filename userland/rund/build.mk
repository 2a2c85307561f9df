rund_pkgs := libsystemd
rund_libs := -lm
rund_sbin := 1
