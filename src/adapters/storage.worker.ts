import { expose } from 'comlink';
import { StorageService } from './storage-service.ts';

expose(new StorageService());
