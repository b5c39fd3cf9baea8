// The live page. Runs in the browser, and asks nothing of the network but the process that served it.
import { type JSX, render } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { lasted } from '../../shared/amounts.js';
import { LiveStore } from './live-store.js';
import { Text } from './parts.js';
import {
  ConnectionsView,
  DenialsView,
  ExplainView,
  PluginsView,
  type Question,
  QuestionsView,
  RequestsView,
  RulesView,
  StreamView,
  type ViewProps,
} from './views.js';

const VIEWS: Readonly<
  Record<string, { readonly title: string; readonly view: (props: ViewProps) => JSX.Element }>
> = {
  plugins: { title: 'Plugins', view: PluginsView },
  stream: { title: 'Stream', view: StreamView },
  denials: { title: 'Refusals', view: DenialsView },
  connections: { title: 'Connections', view: ConnectionsView },
  questions: { title: 'Questions', view: QuestionsView },
  rules: { title: 'Rules', view: RulesView },
  explain: { title: 'Explain', view: ExplainView },
  requests: { title: 'Gateway', view: RequestsView },
};
const FIRST = 'plugins';

function viewInHash(): string {
  const name = location.hash.slice(1);
  return Object.hasOwn(VIEWS, name) ? name : FIRST;
}

function Page({ store }: { readonly store: LiveStore }): JSX.Element {
  const [name, setName] = useState(viewInHash());
  const [said, tell] = useState('');
  const [question, confirm] = useState<Question>();
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    const change = (): void => {
      // Another link in the same tab.
      if (location.hash.startsWith('#token=')) location.reload();
      setName(viewInHash());
      tell('');
      main.current?.focus();
    };
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  const { title, view: View } = VIEWS[name] ?? { title: '', view: PluginsView };
  const open = store.status?.asks.length ?? 0;
  useEffect(() => {
    document.title = `${open > 0 ? `(${open}) ` : ''}${title} – postern`;
  }, [open, title]);
  const { connection } = store;
  if (connection.state === 'closed')
    return (
      <main class="alone">
        <h1>postern</h1>
        <p role="alert">{connection.why}</p>
      </main>
    );
  return (
    <>
      <header>
        <a class="skip" href={`#${name}`} onClick={() => main.current?.focus()}>
          Skip to the view
        </a>
        <h1>postern</h1>
        <Facts store={store} />
        <nav aria-label="Views">
          <ul>
            {Object.entries(VIEWS).map(([one, { title: text }]) => (
              <li key={one}>
                <a href={`#${one}`} aria-current={one === name ? 'page' : undefined}>
                  {text}
                  {one === 'questions' && open > 0 && <span class="badge">{open}</span>}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <main ref={main} tabIndex={-1}>
        <h2>{title}</h2>
        <p role="status" class="status">
          {said !== '' && <Text of={said} />}
        </p>
        <View key={name} store={store} tell={tell} confirm={confirm} />
      </main>
      {question !== undefined && <Confirm question={question} tell={tell} close={() => confirm(undefined)} />}
    </>
  );
}

function Facts({ store: { connection, status } }: { readonly store: LiveStore }): JSX.Element {
  if (connection.state === 'lost')
    return (
      <p class="facts" role="alert">
        No news: <Text of={connection.why} />
      </p>
    );
  if (status === undefined) return <p class="facts">Connecting…</p>;
  const { version, pid, for_ms: ms, broker, config } = status;
  return (
    <p class="facts">
      {version}, pid {pid}, {broker === null ? 'no broker' : `broker ${broker.pid}`}, for {lasted(ms)}
      {config !== null && (
        <>
          , <Text of={config} />
        </>
      )}
    </p>
  );
}

interface ConfirmProps {
  readonly question: Question;
  readonly tell: (text: string) => void;
  readonly close: () => void;
}

function Confirm({ question, tell, close }: ConfirmProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState<JSX.Element>();
  const [failure, setFailure] = useState('');
  const fail = useCallback((error: unknown) => setFailure((error as Error).message), []);
  useEffect(() => {
    dialog.current?.showModal();
    Promise.resolve(question.text()).then(setText, fail);
  }, [question, fail]);
  const act = (): void => {
    question.run().then(() => {
      tell(question.done);
      close();
    }, fail);
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question">
      <h2 id="question">{question.title}</h2>
      {failure === '' ? (text ?? <p>Comparing…</p>) : <p role="alert">{<Text of={failure} />}</p>}
      <div class="tools">
        <button type="button" class="act" disabled={text === undefined || failure !== ''} onClick={act}>
          {question.act}
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </dialog>
  );
}

const root = document.getElementById('page');
if (root !== null) {
  const draw = (): void => render(<Page store={store} />, root);
  const store = new LiveStore(draw);
  draw();
  void store.begin();
}
