// Files to and from the server: sent with word of how far they are, and saved under a name.

import { ApiError } from "../api.js";
import { queryOf } from "./doors.js";

const IMPORT = "/api/v1/directory/import";
const EXPORT = "/api/v1/directory/export";

function failed(status, text) {
  let problem = {};
  try {
    problem = JSON.parse(text) ?? {};
  } catch {
    // Something between us and the server answered.
  }
  const code = status === 0 ? "network" : (problem.code ?? `http-${status}`);
  return new ApiError(code, { status, field: problem.field ?? "" });
}

/**
 * Bring `files` in, or with `check` only see what that would do: gives the report. `sent(fraction)` while they are on
 * their way. Throws ApiError. There is no time limit: a large import takes minutes, and its end is told.
 */
export function sendFiles(files, { check, kind, token, sent }) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  const asking = new XMLHttpRequest();
  asking.open("POST", IMPORT + queryOf({ check: check ? 1 : 0, kind }));
  asking.setRequestHeader("Authorization", `Bearer ${token}`);
  asking.upload.onprogress = ({ loaded, total }) => sent(total ? loaded / total : 0);
  return new Promise((told, refused) => {
    asking.onload = () => {
      if (asking.status === 200) told(JSON.parse(asking.responseText));
      else refused(failed(asking.status, asking.responseText));
    };
    asking.onerror = asking.onabort = () => refused(failed(0, ""));
    asking.send(form);
  });
}

/** Save the directory as a file. Throws ApiError. */
export async function saveExport({ format, kind, language, token }) {
  let response;
  let body;
  try {
    const headers = { Authorization: `Bearer ${token}` };
    response = await fetch(EXPORT + queryOf({ format, kind, language }), { headers });
    body = await response.blob();
  } catch {
    throw new ApiError("network");
  }
  if (!response.ok) throw failed(response.status, await body.text());
  const address = URL.createObjectURL(body);
  const link = document.createElement("a");
  link.href = address;
  link.download = `huishang-${kind || "directory"}.${format}`;
  link.click();
  URL.revokeObjectURL(address);
}
