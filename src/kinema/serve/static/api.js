// Questions to the server that this page came from, and what is said when one goes wrong.

export class Refused extends Error {}

export async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused("The server does not answer: is `kinema serve` still running?");
  }
  if (!answer.ok) throw new Refused(await reason(answer));
  return answer;
}

export async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text || `The server answered ${answer.status}.`;
  }
}

export async function get(address, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined);
  const text = new URLSearchParams(given).toString();
  return (await ask(address + (text ? `?${text}` : ""))).json();
}

export function post(address, body) {
  return ask(address, {
    method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" },
  });
}

export function picture(id, kind) {
  return `api/clips/${encodeURIComponent(id)}/${kind}.webp`;
}

const box = document.getElementById("error");
box.querySelector("button").addEventListener("click", () => { box.hidden = true; });

export function complain(problem) {
  if (!(problem instanceof Refused)) console.error(problem);
  box.querySelector("p").textContent = problem instanceof Refused ? problem.message : `Something went wrong: ${problem.message}`;
  box.hidden = false;
}

export function quiet() {
  box.hidden = true;
}

// An event's work whose failure is told to the person.
export function told(work) {
  return async (...given) => {
    try {
      return await work(...given);
    } catch (problem) {
      complain(problem);
      return undefined;
    }
  };
}
