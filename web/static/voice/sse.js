// Server-sent events out of a fetch body, one object {id, event, data} at a time; `id` is 0 where a message has none.

export async function* events(body, alive = () => {}) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let id = 0;
  let event = "";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r/);
      rest = lines.pop();
      for (const line of lines) {
        if (!line) {
          if (data.length || event) yield { id, event, data: data.join("\n") };
          event = "";
          data = [];
          id = 0;
          continue;
        }
        const colon = line.indexOf(":");
        if (colon === 0) continue;
        const field = colon < 0 ? line : line.slice(0, colon);
        const content = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "data") data.push(content);
        else if (field === "event") event = content === "message" ? "" : content; // the type of messages without one
        else if (field === "id") id = Number(content) || 0;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
