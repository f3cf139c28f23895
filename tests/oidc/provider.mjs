// A real OpenID provider on loopback: node provider.mjs CONFIG.json. It answers on stdout with one line when it serves.
// CONFIG: issuer, port, certificate, private_key (PEM files), jwks, clients, accounts (a JSON file, read at each
// sign-in: name -> claims). Whoever signs in only gives a name.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const config = JSON.parse(readFileSync(process.argv[2]));
const require = createRequire(pathToFileURL(`${config.modules}/`));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const provider = new Provider(config.issuer, {
  jwks: config.jwks,
  clients: config.clients,
  responseTypes: ['id_token'],
  scopes: ['openid', 'email', 'profile'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  cookies: { keys: ['only for tests'] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'] },
  findAccount: (_, id) => {
    const claims = JSON.parse(readFileSync(config.accounts))[id];
    return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) };
  },
});

createServer({ cert: readFileSync(config.certificate), key: readFileSync(config.private_key) }, provider.callback())
  .listen(config.port, '127.0.0.1', () => console.log('serving'));
