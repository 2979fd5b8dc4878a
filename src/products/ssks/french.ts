/** French of what this product publishes, by the English text. A test holds that nothing is missing or left over. */
export const ssksFrench: Readonly<Record<string, string>> = {};
