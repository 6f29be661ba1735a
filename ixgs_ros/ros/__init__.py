"""Between the core and rclpy: messages, QoS, parameters, diagnostics, lifecycle, processes."""
