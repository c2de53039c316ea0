"""One stream a user, held open and read line by line with the faster of locust's two clients."""

from locust import FastHttpUser, constant, task


class Subscriber(FastHttpUser):
    wait_time = constant(0)
    network_timeout = connection_timeout = 3600

    @task
    def hold(self):
        for _line in self.client.iter_lines("/events"):
            pass
