// An OpenID provider for the tests. Standard input: one line of JSON with
//   port, clients (as oidc-provider takes them), scopes, lifetime (seconds of a client's token),
//   serviceAccounts: client id -> public key (PEM) whose assertions are taken (RFC 7523).
// Says "ready" when it listens. It ends when standard input does.
import { createInterface } from 'node:readline';
import { importSPKI, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const lines = createInterface({ input: process.stdin });
const config = JSON.parse((await lines[Symbol.asyncIterator]().next()).value);
const accounts = config.serviceAccounts ?? {};
const issuer = `http://127.0.0.1:${config.port}`;

const provider = new Provider(issuer, {
  clients: config.clients,
  scopes: config.scopes ?? ['openid', 'mail'],
  ttl: { ClientCredentials: config.lifetime ?? 600 },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    devInteractions: { enabled: false },
  },
});

// A service account has no secret: its assertion says who it is, so that the request needs no other client.
provider.use(async (ctx, next) => {
  if (ctx.path !== '/service-account/token' || ctx.method !== 'POST') {
    await next();
    return;
  }
  const chunks = [];
  for await (const chunk of ctx.req) chunks.push(chunk);
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  try {
    if (form.get('grant_type') !== JWT_BEARER) throw new errors.UnsupportedGrantType();
    const assertion = form.get('assertion') ?? '';
    const claimed = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString() || '{}');
    if (!accounts[claimed.iss]) throw new errors.InvalidGrant('no such service account');
    const key = await importSPKI(accounts[claimed.iss], 'RS256');
    const { payload } = await jwtVerify(assertion, key, {
      audience: `${issuer}/service-account/token`,
      maxTokenAge: '1h',
      requiredClaims: ['iss', 'sub', 'scope', 'exp', 'iat'],
    });
    const client = await provider.Client.find(config.clients[0].client_id);
    const token = new provider.ClientCredentials({ client, scope: payload.scope, extra: { sub: payload.sub } });
    ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: 'Bearer' };
  } catch (error) {
    ctx.status = 400;
    ctx.body = { error: error.error ?? 'invalid_grant', error_description: error.error_description ?? error.message };
  }
});

provider.listen(config.port, '127.0.0.1', () => process.stdout.write('ready\n'));
lines.on('close', () => process.exit(0));
