amctl_pkgs := json-c libmnl libsodium
