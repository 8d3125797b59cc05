SELECT 'every address names a country', count(*) = 0
  FROM addresses WHERE country_code !~ '^[A-Z]{2}$';
