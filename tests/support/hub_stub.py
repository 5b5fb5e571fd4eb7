"""What the Hub's client asks of it when a model repository is read or written, answered on a loopback address."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HubStub(ThreadingHTTPServer):
    """Repositories in memory: their name -> a list of commits, each a dict of files, the last that of `main`.

    Attributes:
        address: String, the value of `HF_ENDPOINT`.
        repositories: Dict as above. Those in `private` are shown to whoever sends the token `"hf_secret"`.
        requests: List of the pairs of method and path that were asked for.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.repositories, self.private, self.requests = {}, set(), []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def add(self, repository, folder):
        """Makes the files of a folder the next commit of a repository; returns the name of the commit."""
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.repositories.setdefault(repository, []).append(files)
        return commit_of(files)

    def stop(self):
        self.shutdown()
        self.server_close()


def commit_of(files):
    contents = [[name, hashlib.sha1(content).hexdigest()] for name, content in sorted(files.items())]
    return hashlib.sha1(json.dumps(contents).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._answered()

    def do_HEAD(self):
        self._answered()

    def do_POST(self):
        self._answered()

    def _answered(self):
        path = self.path.split("?")[0]
        self.server.requests.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        for pattern, answer in _ANSWERS.items():
            if match := re.fullmatch(pattern, f"{self.command} {path}"):
                return answer(self, body, **match.groupdict())
        self._send(404, {"error": f"the stub does not know {self.command} {path}"})

    # Reading.

    def _info(self, body, repository, revision="main"):
        if files := self._files(repository, revision):
            siblings = [{"rfilename": name} for name in files]
            self._send(
                200, {"id": repository, "sha": commit_of(files), "private": False, "siblings": siblings}
            )

    def _tree(self, body, repository, revision):
        if files := self._files(repository, revision):
            entries = [
                {
                    "type": "file",
                    "path": name,
                    "size": len(content),
                    "oid": hashlib.sha1(content).hexdigest(),
                }
                for name, content in files.items()
            ]
            self._send(200, entries)

    def _file(self, body, repository, revision, name):
        if files := self._files(repository, revision):
            content = files[name]
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            self._send(200, content, **{"ETag": etag, "X-Repo-Commit": commit_of(files)})

    def _files(self, repository, revision):
        """Those of a commit; None, and an answer, where there is none to show."""
        commits = self.server.repositories.get(repository)
        hidden = repository in self.server.private and not self._has_token()
        if commits is None or hidden:
            self._send(401, {"error": "Invalid username or password."}, **{"X-Error-Code": "RepoNotFound"})
            return None
        revisions = {**{commit_of(files): files for files in commits}, "main": commits[-1]}
        if revision not in revisions:
            self._send(404, {"error": "Invalid rev id"}, **{"X-Error-Code": "RevisionNotFound"})
            return None
        return revisions[revision]

    # Writing.

    def _create(self, body):
        wanted = json.loads(body)
        if self._may_write():
            repository = f"{wanted['organization']}/{wanted['name']}"
            exists = repository in self.server.repositories
            if not exists:
                self.server.repositories[repository] = [{".gitattributes": b"*.h5 filter=lfs"}]
                if wanted.get("visibility") == "private":
                    self.server.private.add(repository)
            self._send(409 if exists else 200, {"url": f"{self.server.address}/{repository}"})

    def _validate(self, body):
        self._send(200, {"errors": [], "warnings": []})

    def _preupload(self, body, repository, revision):
        if self._may_write():
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self._send(200, {"files": files})

    def _commit(self, body, repository, revision):
        if self._may_write():
            files = dict(self.server.repositories[repository][-1])
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.server.repositories[repository].append(files)
            commit = commit_of(files)
            url = f"{self.server.address}/{repository}/commit/{commit}"
            self._send(200, {"success": True, "commitOid": commit, "commitUrl": url})

    def _may_write(self):
        if not self._has_token():
            self._send(401, {"error": "Invalid credentials in Authorization header"})
            return False
        return True

    def _has_token(self):
        return self.headers.get("Authorization") == "Bearer hf_secret"

    def _send(self, status, content, **headers):
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


_REPOSITORY = r"(?P<repository>[^/]+/[^/]+)"
_ANSWERS = {
    rf"GET /api/models/{_REPOSITORY}": _Handler._info,
    rf"GET /api/models/{_REPOSITORY}/revision/(?P<revision>[^/]+)": _Handler._info,
    rf"GET /api/models/{_REPOSITORY}/tree/(?P<revision>[^/]+)": _Handler._tree,
    rf"(GET|HEAD) /{_REPOSITORY}/resolve/(?P<revision>[^/]+)/(?P<name>[^/]+)": _Handler._file,
    "POST /api/repos/create": _Handler._create,
    "POST /api/validate-yaml": _Handler._validate,
    rf"POST /api/models/{_REPOSITORY}/preupload/(?P<revision>[^/]+)": _Handler._preupload,
    rf"POST /api/models/{_REPOSITORY}/commit/(?P<revision>[^/]+)": _Handler._commit,
}
