"""The hub's HTTP API on loopback, as far as making a repository, committing to it, listing and downloading need it.

What it stores is what the real client library sent: regular files in the commit, large ones through LFS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

KEY = "hf_made_for_this_test"


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0

    @property
    def commit(self) -> str:
        return hashlib.sha1(str(self.commits).encode()).hexdigest()


class FakeHub(ThreadingHTTPServer):
    """Repositories by kind and name: `models/me/student`, `datasets/me/prompts`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, name: str, files: dict[str, bytes]) -> None:
        self.repositories[name] = Repository(private=False, files=files, commits=1)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, body: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def missing(self, code: str = "RepoNotFound") -> None:
        self.answer({"error": f"{code}: not here"}, 404, {"X-Error-Code": code, "X-Error-Message": "not here"})

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return True
        self.answer({"error": "Invalid username or password."}, 401)
        return False

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            self.resolve(f"{'datasets' if found[1] else 'models'}/{found[2]}", found[3])
        elif found := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)/tree/[^/]+/?(.*)", path):
            self.tree(f"{found[1]}/{found[2]}", found[3])
        elif found := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/revision/[^/]+)?", path):
            self.information(f"{found[1]}/{found[2]}", found[2])
        else:
            self.missing()

    def resolve(self, name: str, file: str) -> None:
        repository = self.server.repositories.get(name)
        if repository is None:
            self.missing()
        elif file not in repository.files:
            self.missing("EntryNotFound")
        else:
            data = repository.files[file]
            headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
            self.answer(data, headers=headers)

    def entries(self, repository: Repository) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for path, data in sorted(repository.files.items())
        ]

    def tree(self, name: str, folder: str) -> None:
        repository = self.server.repositories.get(name)
        if repository is None:
            self.missing()
        else:
            listed = [entry for entry in self.entries(repository) if str(entry["path"]).startswith(folder)]
            self.answer(listed) if listed else self.missing("EntryNotFound")

    def information(self, key: str, name: str) -> None:
        repository = self.server.repositories.get(key)
        if repository is None:
            self.missing()
            return
        siblings = [{"rfilename": path} for path in sorted(repository.files)]
        facts = {"_id": "0", "id": name, "private": repository.private, "sha": repository.commit, "tags": []}
        self.answer({**facts, "siblings": siblings, "downloads": 0, "likes": 0})

    def do_PUT(self) -> None:
        self.server.large[self.path.rpartition("/")[2]] = self.body()
        self.answer({})

    def do_POST(self) -> None:
        body = self.body()
        path = urlsplit(self.path).path
        if found := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)/paths-info/[^/]+", path):
            repository = self.server.repositories.get(f"{found[1]}/{found[2]}")
            wanted = json.loads(body)["paths"]
            self.answer([entry for entry in self.entries(repository) if entry["path"] in wanted] if repository else [])
        elif self.allowed():
            self.write(path, body)

    def write(self, path: str, body: bytes) -> None:
        if path == "/api/repos/create":
            self.create(json.loads(body))
        elif "/preupload/" in path:
            self.answer({"files": [self.mode(file) for file in json.loads(body)["files"]]})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self.answer({"objects": [self.upload(item) for item in json.loads(body)["objects"]]})
        elif found := re.fullmatch(r"/api/(models/[^/]+/[^/]+)/commit/main", path):
            self.commit(found[1], [json.loads(line) for line in body.splitlines()])
        elif path == "/api/validate-yaml":
            self.answer({"errors": self.faults(json.loads(body)["content"]), "warnings": []})
        else:
            self.missing()

    def create(self, wanted: dict) -> None:
        name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
        if f"models/{name}" in self.server.repositories:
            self.answer({"error": "You already created this model repo", "url": f"{self.server.url}/{name}"}, 409)
            return
        self.server.repositories[f"models/{name}"] = Repository(private=wanted.get("visibility") == "private")
        self.answer({"url": f"{self.server.url}/{name}", "name": name})

    def mode(self, file: dict) -> dict:
        large = file["path"].endswith(".safetensors")
        return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}

    def upload(self, item: dict) -> dict:
        return {**item, "actions": {"upload": {"href": f"{self.server.url}/large/{item['oid']}"}}}

    def faults(self, card: str) -> list[dict]:
        """The hub takes only its own names as a base model."""
        base = yaml.safe_load(card.split("---")[1]).get("base_model", "me/base")
        return [] if re.fullmatch(r"[\w-]+/[\w.-]+", base) else [{"message": f"base_model {base} is no repository"}]

    def commit(self, name: str, lines: list[dict]) -> None:
        repository = self.server.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = self.server.large[value["oid"]]
        repository.commits += 1
        url = f"{self.server.url}/{name.removeprefix('models/')}/commit/{repository.commit}"
        self.answer({"commitUrl": url, "commitOid": repository.commit, "pullRequestUrl": None})
