UPDATE github_webhook_events SET github_host = 'ghe.example.com' WHERE delivery_id = (SELECT min(delivery_id) FROM github_webhook_events);
