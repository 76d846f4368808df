// messages.create and messages.stream as any program uses them.
import assert from 'node:assert/strict';
import { Anthropic, bash, baseURL, client, model, run, say, script, shape } from './harness.mjs';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const WORK = script({ text: 'I look at it first.', chunks: 4 }, bash('echo from the tool'), { text: 'It is done.' });

function text(message) {
  return message.content.map((block) => block.text).join('|');
}

/** Two answers of the model with a tool between them, as one message. */
function checkWork(message) {
  assert.deepEqual(message.content.map((block) => block.type), ['text', 'text', 'text']);
  assert.match(text(message), /^I look at it first\.\|It is done\.\|\[.*from the tool.*\]$/);
  assert.equal(message.stop_reason, 'end_turn');
}

/** The grammar of a stream of the Messages API, whatever other events stand between. */
function checkOrder(types) {
  const own = types.filter((type) => !type.startsWith('agent.'));
  const block = ['content_block_start', 'content_block_delta', 'content_block_stop'];
  assert.deepEqual(shape(own), ['message_start', ...block, ...block, ...block, 'message_delta', 'message_stop']);
  assert.deepEqual(types.filter((type) => type.startsWith('agent.')), ['agent.tool_call', 'agent.tool_result']);
}

await run({
  'create answers with a message': async () => {
    const message = await client().messages.create(say('hello there'));
    assert.equal(message.type, 'message');
    assert.equal(message.role, 'assistant');
    assert.equal(message.model, `scripted/${model}`);
    assert.deepEqual(message.content, [{ type: 'text', text: 'hello there' }]);
    assert.equal(message.stop_reason, 'end_turn');
    assert.equal(message.stop_sequence, null);
    assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
    assert.match(message.id, /^msg_/);
    assert.match(message._request_id, /^req_/);
  },

  'create takes what programs usually send': async () => {
    const content = [{ type: 'text', text: 'in blocks' }];
    const more = { system: 'Be short.', metadata: { user_id: 'u1' }, temperature: 0.5, stop_sequences: ['x'] };
    const { data, response } = await client()
      .messages.create(say(content, more))
      .withResponse();
    assert.equal(text(data), 'in blocks');
    assert.equal(response.headers.get('cloister-ignored'), 'temperature, stop_sequences, max_tokens');
  },

  'an auth token does as well as a key': async () => {
    const message = await client({ apiKey: null, authToken: 'node-sdk' }).messages.create(say('hello token'));
    assert.equal(text(message), 'hello token');
  },

  'create goes on with a session': async () => {
    const anthropic = client();
    const first = await anthropic.messages.create(say('one')).withResponse();
    const session = first.response.headers.get('cloister-session');
    assert.match(session, UUID);
    assert.equal(first.request_id, first.response.headers.get('request-id'));
    const second = await anthropic.messages.create(say('two', { session_id: session })).withResponse();
    assert.equal(second.response.headers.get('cloister-session'), session);
    assert.notEqual(second.request_id, first.request_id);
    const seen = await anthropic.get(`/v1/sessions/${session}`);
    assert.equal(seen.id, session);
    assert.equal(seen.turns, 2);
  },

  'create hides the tools of the agent': async () => {
    checkWork(await client().messages.create(say(WORK)));
  },

  'stream accumulates to the final message': async () => {
    const types = [];
    let heard = '';
    const stream = client().messages.stream(say(WORK));
    stream.on('streamEvent', (event) => types.push(event.type));
    stream.on('text', (delta) => (heard += delta));
    const message = await stream.finalMessage();
    checkWork(message);
    checkOrder(types);
    assert.equal(heard, message.content.map((block) => block.text).join(''));
    assert.match(stream.request_id, /^req_/);
    assert.ok(message.usage.output_tokens > 0);
  },

  'stream goes on with a session': async () => {
    const anthropic = client();
    const first = await anthropic.messages.stream(say('one')).withResponse();
    await first.data.done();
    const session = first.response.headers.get('cloister-session');
    assert.match(session, UUID);
    const second = await anthropic.messages.stream(say('two', { session_id: session })).withResponse();
    assert.equal(text(await second.data.finalMessage()), 'two');
    assert.equal(second.response.headers.get('cloister-session'), session);
  },

  'create with stream: true can be iterated': async () => {
    const types = [];
    let heard = '';
    for await (const event of await client().messages.create(say(WORK, { stream: true }))) {
      types.push(event.type);
      if (event.type === 'content_block_delta') {
        assert.equal(event.delta.type, 'text_delta');
        heard += event.delta.text;
      }
    }
    checkOrder(types);
    assert.match(heard, /^I look at it first\.It is done\.\[.*from the tool.*\]$/);
  },

  'an aborted stream ends its turn and leaves the session usable': async () => {
    const anthropic = client();
    const steps = script({ text: 'a long answer', chunks: 10, chunk_delay_ms: 10_000 });
    const { data, response } = await anthropic.messages.create(say(steps, { stream: true })).withResponse();
    const session = response.headers.get('cloister-session');
    for await (const event of data) {
      assert.equal(event.type, 'message_start');
      data.controller.abort();
      break;
    }
    // The answer would take 90 s; the server needs a moment to see that nobody waits for it.
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        assert.equal(text(await anthropic.messages.create(say('again', { session_id: session }))), 'again');
        return;
      } catch (error) {
        if (!(error instanceof Anthropic.ConflictError) || Date.now() > deadline) {
          throw error;
        }
        await new Promise((done) => setTimeout(done, 250));
      }
    }
  },

  'an overload that passes is invisible': async () => {
    const steps = script({ error: 529, times: 2 }, { text: 'after all' });
    const message = await client().messages.create(say(steps));
    assert.match(text(message), /^after all/);
    const stream = client().messages.stream(say(steps));
    assert.match(text(await stream.finalMessage()), /^after all/);
  },

  'the default client works with nothing but the address and the key changed': async () => {
    const anthropic = new Anthropic({ baseURL, apiKey: 'node-sdk' });
    assert.equal(text(await anthropic.messages.create(say('plain'))), 'plain');
  },
});
