# SPDX-License-Identifier: Apache-2.0
"""grpc.health.v1.Health as the specification has it, with a switch beside it.

The switch is /outrigger.test.Health/Set with "SERVICE=STATUS"; it answers with the time at which
the new status was known to the Watches (CLOCK_MONOTONIC, as time.monotonic of any process here).
An empty STATUS removes the service. "" and "svc" are SERVING at the start.
"""
import asyncio
import time

import grpc

import protos

HEALTH = "grpc.health.v1.Health"
STATUS = {"UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3}


class Health:
    def __init__(self):
        self._status = {"": 1, "svc": 1}
        self._watchers = set()

    def set(self, service, status):
        if status:
            self._status[service] = STATUS[status]
        else:
            self._status.pop(service, None)
        for event in self._watchers:
            event.set()


class Check(Health):
    async def Check(self, request, context):
        if request.service not in self._status:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return protos.HealthCheckResponse(status=self._status[request.service])


class Watch(Health):
    async def Watch(self, request, context):
        event, last = asyncio.Event(), None
        self._watchers.add(event)
        try:
            while True:
                event.clear()
                status = self._status.get(request.service, STATUS["SERVICE_UNKNOWN"])
                if status != last:
                    await context.write(protos.HealthCheckResponse(status=status))
                    last = status
                await event.wait()
        finally:
            self._watchers.discard(event)


class Both(Watch, Check):
    pass


def health_handlers(methods):
    """Handlers of a health service that has only these methods: watch, check."""
    service = {("check",): Check, ("watch",): Watch}.get(tuple(methods), Both)()

    async def switch(request, context):
        name, status = request.decode().split("=")
        service.set(name, status)
        return repr(time.monotonic()).encode()
    return (protos.service_handler(HEALTH, service),
            grpc.method_handlers_generic_handler("outrigger.test.Health", {
                "Set": grpc.unary_unary_rpc_method_handler(switch)}))
