"""One stream a user, held open and read line by line."""

from locust import HttpUser, constant, task


class Subscriber(HttpUser):
    wait_time = constant(0)

    @task
    def hold(self):
        with self.client.get("/events", stream=True, timeout=3600) as answer:
            for line in answer.iter_lines(chunk_size=65536):
                pass
