"""Agents: what makes them, and what they prove themselves with."""

import base64
import json
from datetime import datetime, timedelta, timezone

AGENTS = "/v1/agents"
EXCHANGE = "/v1/auth/agent-token"
ABSENT = "01950000-0000-7000-8000-000000000000"
NO_KEY = "ocv_" + "A" * 43


def moment(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat()


def make(account, name="agent", **members):
    response = account.post(AGENTS, json={"name": name, **members})
    assert response.status_code == 201, response.text
    return response.json()


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def exchange(api, **body):
    return api.anonymous().post(EXCHANGE, json=body)


def token_of(api, made):
    response = exchange(api, agent_id=made["agent"]["id"], api_key=made["api_key"])
    assert response.status_code == 200, response.text
    return response.json()["access_token"]


def credentials(api, made):
    return made["api_key"], token_of(api, made)


def refused(response, detail="Invalid or expired token"):
    assert response.status_code == 401
    assert response.json()["detail"] == detail
    assert "WWW-Authenticate" in response.headers
    return True


def path_of(made):
    return f"{AGENTS}/{made['agent']['id']}"
