import { expose } from 'comlink';
import { TrainingService } from './training-service.ts';

expose(new TrainingService());
