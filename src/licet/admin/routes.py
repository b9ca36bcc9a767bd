"""All routes for operators, and the health checks."""

from fastapi import APIRouter

from licet.admin import accounts, api_keys, emails, events, health

router = APIRouter()
for part in (accounts, api_keys, emails, events, health):
    router.include_router(part.router)
