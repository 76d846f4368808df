// Each error class of the SDK, from create and from a stream before its first event.
import assert from 'node:assert/strict';
import { Anthropic, baseURL, client, run, say, script } from './harness.mjs';

const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const waits = script({ error: 429, retry_after: 1 });

const cases = {};

/** One case for create and one for stream: the call must fail with the class, the status and the type. */
function fails(name, type, status, errorType, params, { options = {}, check = () => {} } = {}) {
  const expect = async (call) => {
    const error = await call.then(
      () => assert.fail('it did not fail'),
      (thrown) => thrown,
    );
    assert.ok(error instanceof type, `${error?.constructor?.name}: ${error}`);
    assert.equal(error.status, status);
    assert.equal(error.error.type, 'error');
    assert.equal(error.error.error.type, errorType);
    assert.ok(error.error.error.message.length > 0);
    assert.match(error.requestID, /^req_/);
    assert.equal(error.error.request_id, error.requestID);
    check(error);
  };
  cases[`create: ${name}`] = async () => expect(client(options).messages.create(await params()));
  cases[`stream: ${name}`] = async () => {
    const stream = client(options).messages.stream(await params());
    const events = [];
    stream.on('streamEvent', (event) => events.push(event));
    await expect(stream.finalMessage());
    assert.deepEqual(events, []);
  };
}

fails('bad request', Anthropic.BadRequestError, 400, 'invalid_request_error', () =>
  say('hello', { tools: [{ name: 'mine', input_schema: { type: 'object' } }] }));
fails('bad request of the upstream', Anthropic.BadRequestError, 400, 'invalid_request_error', () =>
  say(script({ error: 400 })));
// Null takes the header away, which an empty key does not.
fails('no credential', Anthropic.AuthenticationError, 401, 'authentication_error', () => say('hello'), {
  options: { defaultHeaders: { 'x-api-key': null, authorization: null } },
});
fails('credential refused by the upstream', Anthropic.AuthenticationError, 401, 'authentication_error', () =>
  say(script({ error: 401 })));
fails('permission denied by the upstream', Anthropic.PermissionDeniedError, 403, 'permission_error', () =>
  say(script({ error: 403 })));
fails('unknown session', Anthropic.NotFoundError, 404, 'not_found_error', () => say('hello', { session_id: UNKNOWN }));
fails('model not offered', Anthropic.NotFoundError, 404, 'not_found_error', () => say('hello', { model: 'other-1' }));
fails('body over the limit', Anthropic.APIError, 413, 'request_too_large', () => say('x'.repeat(2 << 20)));
fails('rate limit of the upstream', Anthropic.RateLimitError, 429, 'rate_limit_error', () => say(waits), {
  check: (error) => assert.equal(error.headers.get('retry-after'), '1'),
});
fails('error of the upstream', Anthropic.InternalServerError, 500, 'api_error', () => say(script({ error: 500 })));
fails('overload of the upstream', Anthropic.InternalServerError, 529, 'overloaded_error', () =>
  say(script({ error: 529 })));

/** Runs the body while a turn of the session works, then ends that turn. */
async function busy(body) {
  const steps = script({ text: 'a long answer', chunks: 10, chunk_delay_ms: 10_000 });
  const { data, response } = await client().messages.create(say(steps, { stream: true })).withResponse();
  for await (const event of data) {
    assert.equal(event.type, 'message_start');
    await body(response.headers.get('cloister-session'));
    break;
  }
}

for (const how of ['create', 'stream']) {
  cases[`${how}: session in use`] = () =>
    busy(async (session) => {
      const params = say('me too', { session_id: session });
      const messages = client().messages;
      const call = how === 'create' ? messages.create(params) : messages.stream(params).finalMessage();
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof Anthropic.ConflictError, String(error));
        assert.equal(error.status, 409);
        assert.equal(error.error.error.type, 'conflict_error');
        return true;
      });
    });
}

await run(cases);
