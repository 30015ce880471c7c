//! The files for Grafana and Prometheus name only what `/metrics` tells.
