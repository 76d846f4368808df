// Runs cases against the server at CLOISTER_TEST_URL and prints one line of JSON for each. The Java test that starts a
// script makes a test of each line, and compares their number with the plan, which is the first line.
import { createRequire } from 'node:module';

// The SDK is installed elsewhere, by its lock file: only require can be told where to look.
export const Anthropic = createRequire(`${process.env.CLOISTER_TEST_SDK}/`)('@anthropic-ai/sdk').Anthropic;
export const baseURL = process.env.CLOISTER_TEST_URL;
export const model = 'claude-sonnet-5';

// More than one, because a case mostly waits for its agent; not more, because each agent needs most of a core at its start.
const AT_ONCE = 2;

export function client(options = {}) {
  return new Anthropic({ baseURL, apiKey: 'node-sdk', maxRetries: 0, ...options });
}

/** What makes the scripted upstream play the steps. */
export function script(...steps) {
  return '```script\n' + JSON.stringify(steps) + '\n```';
}

export function bash(command) {
  return { tool: 'Bash', input: { command, description: 'test' } };
}

/** The parameters of a message. */
export function say(content, more = {}) {
  return { model, max_tokens: 1024, messages: [{ role: 'user', content }], ...more };
}

/** The types of a stream's events, with repetitions folded. */
export function shape(types) {
  return types.filter((type, i) => type !== types[i - 1]);
}

export async function run(cases) {
  const names = Object.keys(cases);
  console.log(JSON.stringify({ plan: names }));
  const worker = async () => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      let failure = '';
      try {
        await cases[name]();
      } catch (error) {
        failure = String(error?.stack ?? error);
      }
      console.log(JSON.stringify({ case: name, failure }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
