import { serve } from './crew.js';

serve((state) => state);
