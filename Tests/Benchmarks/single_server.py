"""The M/M/1 queue at 90 % utilization in SimPy: prints nanoseconds of processor time a customer."""

import random
import time

import simpy

CUSTOMERS = 100_000


def customer(environment, server):
    with server.request() as turn:
        yield turn
        yield environment.timeout(random.expovariate(1 / 0.9))


def source(environment, server):
    for _ in range(CUSTOMERS):
        yield environment.timeout(random.expovariate(1))
        environment.process(customer(environment, server))


random.seed(1)
environment = simpy.Environment()
environment.process(source(environment, simpy.Resource(environment)))
start = time.thread_time_ns()
environment.run()
print((time.thread_time_ns() - start) / CUSTOMERS)
