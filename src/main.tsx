import { startParticipant } from './app/index.ts';
const p = startParticipant();
const input = document.createElement('input'); input.type='file'; input.multiple=true; input.dataset['testid']='file-input';
input.onchange = () => p.useFiles([...(input.files ?? [])]); document.body.append(input);
